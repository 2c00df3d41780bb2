//go:build !linux

package demo

// devicePosts need pseudo-terminals.
var devicePosts []post
