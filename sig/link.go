package sig

// link is the interest of one bridge in one route.
type link struct {
	target   Target
	patterns int  // how many of the bridge's patterns match, and one for asked
	firm     int  // those of them that do not accept loss
	asked    bool // by [Bridge.Want],
	lenient  bool // which accepts loss
	lossy    bool // as the target was told
}

// link counts one more pattern of b that matches rt.
func (b *Bridge) link(rt *Route, lossy bool) {
	if rt.sender.bridge == b {
		return // split horizon: nothing goes back to where it came from
	}
	l := rt.links[b]
	if l == nil {
		l = &link{lossy: lossy}
		if rt.links == nil {
			rt.links = make(map[*Bridge]*link)
		}
		rt.links[b] = l
		rt.firm += firm(lossy)
		rt.invalidate() // before Target asks how many were emitted to the others
		l.target = b.peer.Target(rt)
		l.tell()
	}
	l.patterns++
	l.count(rt, firm(lossy))
}

// unlink counts one less, and reports whether it was the last.
func (b *Bridge) unlink(rt *Route, lossy bool) bool {
	l := rt.links[b]
	if l == nil {
		return false
	}
	if l.patterns--; l.patterns > 0 {
		l.count(rt, -firm(lossy))
		return false
	}
	rt.drop(b)
	return true
}

// exchange notes that one of the patterns accepts loss now, or no longer does.
func (l *link) exchange(rt *Route, lossy bool) { l.count(rt, 2*firm(lossy)-1) }

// firm counts one who accepts loss, or not, among those who do not.
func firm(lossy bool) int {
	if lossy {
		return 0
	}
	return 1
}

// count notes that so many more patterns do not accept loss, and tells the target
// if that makes a difference.
func (l *link) count(rt *Route, more int) {
	l.firm += more
	lossy := l.firm == 0
	if lossy == l.lossy {
		return
	}
	rt.firm += firm(lossy) - firm(l.lossy)
	l.lossy = lossy
	l.tell()
}

func (l *link) tell() {
	if t, ok := l.target.(LossyTarget); ok {
		t.MayLose(l.lossy)
	}
}

// asks counts one more of the patterns that match rt, or one less, of which b has
// been told.
func (b *Bridge) asks(rt *Route, n int) {
	was := rt.asks > 0
	rt.asks += n
	if on := rt.asks > 0; on != was {
		b.asking.Asked(rt, on)
	}
}

// drop ends the interest of a bridge in a route.
func (rt *Route) drop(b *Bridge) {
	rt.firm -= firm(rt.links[b].lossy)
	delete(rt.links, b)
	rt.invalidate()
}
