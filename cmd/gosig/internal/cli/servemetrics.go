package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/cmd/gosig/internal/metrics"
	"github.com/gosig/gosig/router"
)

// serveMetrics serves metrics where the configuration says so.
func (s *server) serveMetrics(ctx context.Context) (err error) {
	address := s.conf.Metrics.Address()
	if address == "" {
		return nil
	}
	source := metrics.Source{
		Stats: s.sr.Stats, Ready: s.ready, Schemes: config.Schemes, Version: buildVersion().Version, Since: time.Now(),
	}
	if s.guard.now.Load() != nil {
		source.Policy = func() (uint64, uint64) { return s.guard.loaded.Load(), s.guard.failed.Load() }
	}
	if s.conf.Uplink != nil {
		source.Uplink = func() bool { return s.cr != nil && s.cr.State().Phase == router.Connected }
	}
	if s.metrics, err = metrics.Listen(ctx, address, source); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if !metrics.Loopback(address) {
		s.log.Warn("metrics are served to whoever can reach the address", "address", s.metrics.Addr())
	}
	_, err = fmt.Fprintf(s.std.Out, "metrics http://%s/metrics\n", s.metrics.Addr())
	return err
}

// ready is an error while the router takes nobody in.
func (s *server) ready() error {
	if s.draining.Load() {
		return errors.New("draining")
	}
	return nil
}
