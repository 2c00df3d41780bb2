package auth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAcceptsAsLongAsItWas: a connection ends when its credential was to expire on the
// day it was let in; of one that expires earlier now it must not stay until then.
func TestAcceptsAsLongAsItWas(t *testing.T) {
	secret, end := NewToken(), time.Now().Add(time.Hour)
	proof, err := secret.Prove(private)
	require.NoError(t, err)
	until := func(end time.Time) *Store { return storeOf(t, Entry{ID: "a", Token: secret.Hash(), Expires: end}) }
	v, err := until(end).Verify(MethodToken, proof, private)
	require.NoError(t, err)
	assert.True(t, until(end).Accepts(v))
	assert.True(t, until(end.Add(time.Hour)).Accepts(v), "renewed: it ends at its old end, and comes again")
	assert.False(t, until(end.Add(-time.Minute)).Accepts(v))
	v.Expires = time.Time{}
	assert.False(t, until(end).Accepts(v), "a key that never expired, and does now")
}
