package json_test

import (
	"testing"

	"github.com/gosig/gosig/codec/codectest"
	"github.com/gosig/gosig/codec/json"
)

func TestCodec(t *testing.T) {
	codectest.Test(t, json.New(), &codectest.Options{
		Refuses: []codectest.Kind{codectest.NonFinite},
		Typed:   []codectest.Kind{codectest.Bytes},
	})
}
