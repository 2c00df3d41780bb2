package raw_test

import (
	"testing"

	"github.com/gosig/gosig/codec/codectest"
	"github.com/gosig/gosig/codec/raw"
)

func TestCodec(t *testing.T) {
	codectest.Test(t, raw.New(), &codectest.Options{
		Refuses: []codectest.Kind{
			codectest.Bool, codectest.Int, codectest.Uint, codectest.Float, codectest.NonFinite,
			codectest.List, codectest.Map, codectest.Struct, codectest.Time,
		},
		Typed:     []codectest.Kind{codectest.Text},
		Unlimited: true,
	})
}
