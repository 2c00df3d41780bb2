package certs_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

func TestParamsAreThoseUnderstood(t *testing.T) {
	s := carrier.SchemeInfo{Params: certs.Params()}
	assert.ElementsMatch(t, certs.DialParams, s.Names(carrier.Dialing))
	assert.ElementsMatch(t, certs.ListenParams, s.Names(carrier.Listening))
}
