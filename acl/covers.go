package acl

// Covers reports whether principals and groups, written as in a [Rule], speak of
// whoever has an ID and is in some groups: for settings that go by who somebody
// is and are no rules, like limits.
//
//	acl.Covers([]string{"plant/*"}, nil, "plant/press", nil) // true
func Covers(principals, groups []string, id string, in []string) bool {
	s := newSubject(principals, groups, nil, false)
	p := &person{Principal: Principal{ID: id}, groups: in}
	if id != "" {
		p.path = path(id)
	}
	return s.covers(p)
}
