package sig

import "testing"

func TestLossReasons(t *testing.T) {
	for reason, want := range map[LossReason]string{
		0: "unknown reason", LossQueueFull: "queue full", LossReentry: "too many nested events", 57: "reason 57",
	} {
		if got := reason.String(); got != want {
			t.Errorf("reason %d: got %q, want %q", reason, got, want)
		}
	}
	for i, r := range []LossReason{LossQueueFull, LossSlowPeer, LossInbound, LossConnection, LossBadPayload, LossOffline, LossReentry} {
		if int(r) != i+1 {
			t.Errorf("%v: got number %d, want %d, for ever", r, r, i+1)
		}
	}
}

func TestLostString(t *testing.T) {
	for _, tt := range []struct {
		lost Lost
		want string
	}{
		{Lost{Sender: "s", Event: "e", Count: 1, Reason: LossQueueFull}, "lost 1 event of s e: queue full"},
		{Lost{Sender: "s", Event: "e", Count: 3, Reason: LossSlowPeer}, "lost 3 events of s e: peer too slow"},
		{Lost{Sender: "s", Event: "e", Reason: LossConnection}, "lost an unknown number of events of s e: connection lost"},
	} {
		if got := tt.lost.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
