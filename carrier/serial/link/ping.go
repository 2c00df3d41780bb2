package link

import "time"

// Ping asks the peer for a sign of life at once; [Machine.Pong] says how long that
// took. Ask on a line on which nothing else is under way: the first
// acknowledgement that comes is taken for the answer.
func (m *Machine) Ping() {
	if m.sess.open {
		m.sess.ping, m.sess.asking = true, true
	}
}

// Pong returns, once, how long the peer took to answer the last Ping: from its
// first byte on the line to the last one of the answer. It reports false while
// there is none; what was asked in a session that was lost is not answered.
func (m *Machine) Pong() (time.Duration, bool) {
	took, ok := m.sess.took, m.sess.answered
	m.sess.answered = false
	return took, ok
}

// pinging notes that a PING goes out.
func (s *session) pinging(now time.Duration) {
	if s.asking {
		s.asking, s.awaited, s.asked = false, true, now
	}
}

// ponged notes that an acknowledgement has come.
func (s *session) ponged(now time.Duration) {
	if s.awaited {
		s.awaited, s.answered, s.took = false, true, now-s.asked
	}
}
