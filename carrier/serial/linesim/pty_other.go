//go:build !linux

package linesim

import (
	"errors"
	"fmt"
	"os"
)

// OpenPTY needs Linux.
func OpenPTY() (master *os.File, name string, err error) {
	return nil, "", fmt.Errorf("open a pseudo-terminal: %w", errors.ErrUnsupported)
}

func hungUp(*os.File) bool { return true }

func speedOf(*os.File) int { return 0 }

func unread(*os.File) int { return 0 }
