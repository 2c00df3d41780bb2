// Package auth proves who a client is, where its carrier does not: by a bearer
// token or by an Ed25519 key. It holds the formats, the making and the checking
// of secrets, and the list of those that a router accepts; it does no network
// input or output.
//
// A client shows a [Credential], a router has a [Store] of what it accepts:
//
//	token := auth.NewToken()
//	store, err := auth.NewStore(auth.Entry{
//		ID: "plant/press", Token: token.Hash(), Expires: time.Now().AddDate(0, 3, 0),
//	})
//	srv, err := router.NewServerRouter(reg, &router.ServerOptions{Authenticator: store, ...})
//	cli, err := router.NewClientRouter(reg2, addresses, &router.ClientOptions{Credentials: []auth.Credential{token}, ...})
//
// What is promised:
//
//   - A token has 256 random bits, and the router knows only its SHA-256.
//     Whoever reads the router's files cannot use them to connect.
//   - A proof by key is made for one challenge of one router on one connection,
//     see [Challenge]. It is of no use on another connection or to another router.
//   - Nothing prints a secret: not %v, not JSON, not a logger, not a test that
//     compares. [Token.Reveal] and [PrivateKey.Reveal] are the only ways to it.
//   - Comparing takes the same time whether much or little of a guess is right,
//     and a key that nobody knows costs as much as a known one.
//
// What crosses the line is in docs/protocol.md.
package auth
