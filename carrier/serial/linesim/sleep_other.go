//go:build !linux

package linesim

import "time"

func exactSleep(d time.Duration) { time.Sleep(d) }
