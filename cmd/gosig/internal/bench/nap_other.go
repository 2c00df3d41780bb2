//go:build !linux

package bench

import "time"

func shortNap(d time.Duration) { time.Sleep(d) }
