package auth

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	private = &Challenge{Hello: [32]byte{1}, Asked: [32]byte{2}, Private: true}
	bound   = &Challenge{Hello: [32]byte{1}, Asked: [32]byte{2}, Private: true, Binding: []byte("this channel and no other one")}
)

// storeOf accepts what it is given, each for an hour.
func storeOf(t *testing.T, entries ...Entry) *Store {
	t.Helper()
	for i := range entries {
		if entries[i].Expires.IsZero() {
			entries[i].Expires = time.Now().Add(time.Hour)
		}
	}
	s, err := NewStore(entries...)
	require.NoError(t, err)
	return s
}

func TestToken(t *testing.T) {
	a, b := NewToken(), NewToken()
	s := storeOf(t, Entry{ID: "press", Groups: []string{"machines"}, Token: a.Hash()})
	assert.Equal(t, []string{MethodToken}, s.Methods())

	proof, err := a.Prove(private)
	require.NoError(t, err)
	v, err := s.Verify(MethodToken, proof, private)
	require.NoError(t, err)
	assert.Equal(t, "press", v.ID)
	assert.Equal(t, []string{"machines"}, v.Groups)
	assert.Equal(t, MethodToken, v.Method)
	assert.True(t, s.Accepts(v))

	other, err := b.Prove(private)
	require.NoError(t, err)
	_, err = s.Verify(MethodToken, other, private)
	assert.ErrorIs(t, err, ErrUnknown, "a token that nobody was given")
	for _, bad := range [][]byte{nil, {}, proof[:len(proof)-1], append([]byte("x"), proof...), make([]byte, 47), a.bytes()[4:]} {
		_, err = s.Verify(MethodToken, bad, private)
		assert.ErrorIs(t, err, ErrProof, "%q", bad)
	}
	hash := a.Hash()
	_, err = s.Verify(MethodToken, []byte(hash.String()), private)
	assert.Error(t, err, "the hash is not the token: who reads the router's files cannot connect")
	_, err = s.Verify("password", proof, private)
	assert.ErrorIs(t, err, ErrProof)
}

func TestTokenStaysOffOpenWires(t *testing.T) {
	token := NewToken()
	_, err := token.Prove(&Challenge{})
	assert.ErrorContains(t, err, "unencrypted")
	_, err = storeOf(t, Entry{ID: "x", Token: token.Hash()}).Verify(MethodToken, token.bytes(), &Challenge{})
	assert.ErrorIs(t, err, ErrProof)
}

// TestTokenHash is a known answer: sha256sum of the text gives the same.
func TestTokenHash(t *testing.T) {
	token, err := ParseToken(" gst_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n")
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte("gst_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"))), token.Hash().String())
	assert.NotEqual(t, token.Hash(), NewToken().Hash())
}

func TestParseToken(t *testing.T) {
	text := NewToken().Reveal()
	for _, bad := range []string{
		"", "gst_", text[4:], text[:len(text)-1], text + "A", strings.ToUpper(text),
		"gst_" + strings.Repeat("A", 43),       // all zero
		"gst_" + strings.Repeat("A", 42) + "B", // bits beyond the last byte
	} {
		_, err := ParseToken(bad)
		require.Error(t, err, "%q", bad)
		if len(bad) > 10 {
			assert.NotContains(t, err.Error(), bad[4:], "an error does not quote what may be a secret")
		}
	}
}

func TestTokenHashText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "bytes")
		h := TokenHash(b)
		got, err := ParseTokenHash(h.String())
		if allZero(b) {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Equal(t, h, got)
	})
	token := NewToken()
	_, err := ParseTokenHash(token.Reveal())
	require.ErrorContains(t, err, "this is a token itself")
	assert.NotContains(t, err.Error(), token.Reveal())
}

func TestKey(t *testing.T) {
	key := NewKey()
	s := storeOf(t, Entry{ID: "press", Key: key.Public()})
	assert.Equal(t, []string{MethodKey}, s.Methods())
	for _, c := range []*Challenge{private, bound, {Binding: bound.Binding}} {
		proof, err := key.Prove(c)
		require.NoError(t, err)
		v, err := s.Verify(MethodKey, proof, c)
		require.NoError(t, err)
		assert.Equal(t, "press", v.ID)
		assert.True(t, s.Accepts(v))
	}
	_, err := key.Prove(&Challenge{})
	assert.ErrorContains(t, err, "not be bound to this connection")
}

// TestKeyProofIsForOneChallenge: whatever differs, the proof is worth nothing.
func TestKeyProofIsForOneChallenge(t *testing.T) {
	key, stranger := NewKey(), NewKey()
	s := storeOf(t, Entry{ID: "press", Key: key.Public()})
	proof, err := key.Prove(bound)
	require.NoError(t, err)

	for name, c := range map[string]*Challenge{
		"another attempt":     {Hello: [32]byte{9}, Asked: bound.Asked, Binding: bound.Binding},
		"another challenge":   {Hello: bound.Hello, Asked: [32]byte{9}, Binding: bound.Binding},
		"another channel":     {Hello: bound.Hello, Asked: bound.Asked, Binding: []byte("another channel")},
		"a channel cut off":   {Hello: bound.Hello, Asked: bound.Asked, Binding: bound.Binding[:5]},
		"no channel":          {Hello: bound.Hello, Asked: bound.Asked, Private: true},
		"the two exchanged":   {Hello: bound.Asked, Asked: bound.Hello, Binding: bound.Binding},
		"nothing bound to it": {Hello: bound.Hello, Asked: bound.Asked},
	} {
		_, err := s.Verify(MethodKey, proof, c)
		assert.ErrorIs(t, err, ErrProof, name)
	}
	for i := range proof { // a flipped bit anywhere
		bad := append([]byte(nil), proof...)
		bad[i] ^= 1
		_, err := s.Verify(MethodKey, bad, bound)
		require.Error(t, err, "byte %d", i)
	}
	for _, bad := range [][]byte{nil, proof[:127], append(append([]byte(nil), proof...), 0)} {
		_, err := s.Verify(MethodKey, bad, bound)
		assert.ErrorIs(t, err, ErrProof)
	}
	unknown, err := stranger.Prove(bound)
	require.NoError(t, err)
	_, err = s.Verify(MethodKey, unknown, bound)
	assert.ErrorIs(t, err, ErrUnknown)
}

// TestKeyKnownAnswer: the signature is the one that docs/protocol.md describes,
// made here without the code under test.
func TestKeyKnownAnswer(t *testing.T) {
	seed, err := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") // RFC 8032, test 1
	require.NoError(t, err)
	raw := ed25519.NewKeyFromSeed(seed)
	key := PrivateKey{keep(raw)}
	assert.Equal(t, "ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", key.Public().String())

	var input []byte
	input = append(input, "gosig auth ed25519 v1\x00"...)
	input = append(input, bound.Hello[:]...)
	input = append(input, bound.Asked[:]...)
	input = append(input, make([]byte, 32)...)
	input = append(input, raw.Public().(ed25519.PublicKey)...)
	input = append(input, byte(len(bound.Binding)))
	input = append(input, bound.Binding...)
	proof := append([]byte(raw.Public().(ed25519.PublicKey)), make([]byte, 32)...)
	proof = append(proof, ed25519.Sign(raw, input)...)
	_, err = storeOf(t, Entry{ID: "press", Key: key.Public()}).Verify(MethodKey, proof, bound)
	assert.NoError(t, err)
	assert.NotEqual(t, key.Public(), NewKey().Public(), "the output depends on the key")
}

func TestKeyText(t *testing.T) {
	key := NewKey()
	again, err := ParseKey(key.Reveal())
	require.NoError(t, err)
	assert.Equal(t, key.Public(), again.Public())
	public, err := ParsePublicKey(key.Public().String() + "\n")
	require.NoError(t, err)
	assert.Equal(t, key.Public(), public)
	zero := PrivateKey{keep(ed25519.NewKeyFromSeed(make([]byte, 32)))}
	for name, bad := range map[string]string{
		"empty": "", "not PEM": "secret", "another type": strings.ReplaceAll(key.Reveal(), "PRIVATE KEY", "EC PRIVATE KEY"),
		"two": key.Reveal() + key.Reveal(), "all zero": zero.Reveal(), "cut": key.Reveal()[:60],
	} {
		_, err := ParseKey(bad)
		assert.Error(t, err, name)
	}
	for _, bad := range []string{"", "ed25519:", "ed25519:" + strings.Repeat("A", 43), public.String()[8:], public.String() + "A"} {
		_, err := ParsePublicKey(bad)
		assert.Error(t, err, "%q", bad)
	}
}

// TestNothingPrintsASecret: in whatever way a value with a secret in it is
// printed, the secret is not in the output.
func TestNothingPrintsASecret(t *testing.T) {
	token, key := NewToken(), NewKey()
	type inner struct{ T, K any }
	type holder struct { // unexported fields are printed without their methods
		token Token
		key   PrivateKey
		List  []Credential
		Any   inner
	}
	h := holder{token, key, []Credential{token, key}, inner{token, key}}
	values := []any{token, &token, key, &key, h, &h, []any{token, key}, map[string]any{"t": token, "k": key}}
	var out strings.Builder
	log := slog.New(slog.NewJSONHandler(&out, nil))
	text := slog.New(slog.NewTextHandler(&out, nil))
	for _, v := range values {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%T", "%b"} {
			fmt.Fprintf(&out, format+"\n", v)
		}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(b)
		log.Info("x", "v", v)
		text.Info("x", "v", v)
		fmt.Fprintln(&out, assert.ObjectsAreEqual(v, 1), fmt.Errorf("%v", v))
		fake := new(testing.T)
		assert.Equal(fake, v, 7) // its dump of v goes to fake's log
	}
	raw := key.key()
	for name, secret := range map[string]string{
		"token": token.Reveal(), "token bytes": string(token.bytes()), "token as hex": hex.EncodeToString(token.bytes()),
		"token as numbers": strings.Trim(fmt.Sprint(token.bytes()), "[]"), "key": key.Reveal(),
		"seed as hex": hex.EncodeToString(raw.Seed()), "seed as HEX": strings.ToUpper(hex.EncodeToString(raw.Seed())),
		"seed as numbers": strings.Trim(fmt.Sprint([]byte(raw.Seed())), "[]"),
	} {
		assert.NotContains(t, out.String(), secret, name)
	}
	assert.Contains(t, out.String(), redacted, "the check has something to look at")
}

func TestStoreRefuses(t *testing.T) {
	token, key := NewToken().Hash(), NewKey().Public()
	soon := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		entries []Entry
		want    string
	}{
		"no id":          {[]Entry{{Token: token, Expires: soon}}, "no id"},
		"long id":        {[]Entry{{ID: strings.Repeat("x", 256), Token: token, Expires: soon}}, "255"},
		"nothing":        {[]Entry{{ID: "a", Expires: soon}}, "one of the two"},
		"both":           {[]Entry{{ID: "a", Token: token, Key: key, Expires: soon}}, "one of the two"},
		"for ever":       {[]Entry{{ID: "a", Token: token}}, "must expire"},
		"twice":          {[]Entry{{ID: "a", Token: token, Expires: soon}, {ID: "b", Token: token, Expires: soon}}, `"a" as well`},
		"key twice":      {[]Entry{{ID: "a", Key: key}, {ID: "b", Key: key}}, `"a" as well`},
		"nameless group": {[]Entry{{ID: "a", Key: key, Groups: []string{""}}}, "no name"},
	} {
		_, err := NewStore(c.entries...)
		assert.ErrorContains(t, err, c.want, name)
	}
	_, err := NewStore(Entry{}, Entry{ID: "a", Token: token})
	assert.ErrorContains(t, err, "credential 1")
	assert.ErrorContains(t, err, "credential 2", "all mistakes at once")
}

func TestExpiry(t *testing.T) {
	token, key := NewToken(), NewKey()
	end := time.Now().Add(time.Minute)
	s := storeOf(t, Entry{ID: "a", Token: token.Hash(), Expires: end}, Entry{ID: "b", Key: key.Public(), Expires: end})
	proof, _ := key.Prove(bound)
	v, err := s.Verify(MethodToken, token.bytes(), private)
	require.NoError(t, err)
	assert.Equal(t, end, v.Expires)
	s.now = func() time.Time { return end }
	_, err = s.Verify(MethodToken, token.bytes(), private)
	assert.ErrorIs(t, err, ErrExpired)
	_, err = s.Verify(MethodKey, proof, bound)
	assert.ErrorIs(t, err, ErrExpired)
	assert.False(t, s.Accepts(v))
}

func TestAcceptsAfterAChange(t *testing.T) {
	token := NewToken()
	e := Entry{ID: "a", Groups: []string{"g"}, Token: token.Hash()}
	v, err := storeOf(t, e).Verify(MethodToken, token.bytes(), private)
	require.NoError(t, err)
	assert.True(t, storeOf(t, e).Accepts(v))
	assert.False(t, storeOf(t, Entry{ID: "a", Token: NewToken().Hash()}).Accepts(v), "another token of the same principal")
	e.Groups = []string{"h"}
	assert.False(t, storeOf(t, e).Accepts(v), "other groups")
	e.ID, e.Groups = "b", v.Groups
	assert.False(t, storeOf(t, e).Accepts(v), "another principal")
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	token, key := NewToken(), NewKey()
	for name, c := range map[string]Credential{"token": token, "key": key} {
		path := filepath.Join(dir, name)
		text := token.Reveal()
		if name == "key" {
			text = key.Reveal()
		}
		require.NoError(t, WriteSecret(path, text))
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		assert.ErrorIs(t, WriteSecret(path, text), os.ErrExist, "a secret that is there is not replaced")
		got, err := LoadCredential(path)
		require.NoError(t, err)
		a, _ := c.Prove(bound)
		b, err := got.Prove(bound)
		require.NoError(t, err)
		assert.Equal(t, a[:32], b[:32])
		require.NoError(t, os.Chmod(path, 0o644))
		_, err = LoadCredential(path)
		assert.ErrorContains(t, err, "chmod 600")
	}
	for name, text := range map[string]string{"empty": " \n", "large": strings.Repeat("x", maxSecretFile+1), "neither": "hunter2"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := LoadCredential(path)
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "hunter2")
	}
	_, err := LoadCredential(filepath.Join(dir, "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestZeroCredentials(t *testing.T) {
	_, err := Token{}.Prove(bound)
	assert.Error(t, err)
	_, err = PrivateKey{}.Prove(bound)
	assert.Error(t, err)
	assert.Empty(t, Token{}.Reveal()+PrivateKey{}.Reveal())
	assert.Equal(t, TokenHash{}, Token{}.Hash())
}

// FuzzVerify: no proof makes a store panic, or is accepted by accident.
func FuzzVerify(f *testing.F) {
	token, key := NewToken(), NewKey()
	s, err := NewStore(Entry{ID: "a", Token: token.Hash(), Expires: time.Now().Add(time.Hour)}, Entry{ID: "b", Key: key.Public()})
	if err != nil {
		f.Fatal(err)
	}
	proof, _ := NewKey().Prove(bound)
	f.Add(MethodToken, []byte("gst_"))
	f.Add(MethodKey, proof)
	f.Fuzz(func(t *testing.T, method string, proof []byte) {
		if v, err := s.Verify(method, proof, bound); err == nil {
			t.Fatalf("%q with %x proves %+v", method, proof, v)
		}
	})
}

// FuzzParse: what is parsed comes out again as it went in.
func FuzzParse(f *testing.F) {
	f.Add(NewToken().Reveal())
	f.Add(NewKey().Reveal())
	f.Add(NewKey().Public().String())
	f.Add(NewToken().Hash().String())
	f.Fuzz(func(t *testing.T, text string) {
		if token, err := ParseToken(text); err == nil && token.Reveal() != strings.TrimSpace(text) {
			t.Fatalf("%q became another token", text)
		}
		if p, err := ParsePublicKey(text); err == nil && p.String() != strings.TrimSpace(text) {
			t.Fatalf("%q became %s", text, p)
		}
		if key, err := ParseKey(text); err == nil {
			if again, err := ParseKey(key.Reveal()); err != nil || again.Public() != key.Public() {
				t.Fatalf("a key became another: %v", err)
			}
		}
	})
}
