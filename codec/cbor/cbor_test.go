package cbor_test

import (
	"testing"

	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/codectest"
)

func TestCodec(t *testing.T) {
	codectest.Test(t, cbor.New(), nil)
}
