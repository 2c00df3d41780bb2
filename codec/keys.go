package codec

import "bytes"

// Keys finds a duplicate among the keys of one map while they are read. The
// zero value is ready; it refers to the keys it was given until it is dropped.
type Keys struct {
	few   [8][]byte // the first keys
	count int
	seen  map[string]struct{} // all keys, once there are more than a few
}

// Add takes the next key and reports whether it is new.
func (k *Keys) Add(key []byte) bool {
	if k.seen != nil {
		if _, dup := k.seen[string(key)]; dup {
			return false
		}
		k.seen[string(key)] = struct{}{}
		return true
	}
	if k.count < len(k.few) {
		return k.addFew(key)
	}
	k.seen = make(map[string]struct{}, 2*len(k.few))
	for _, old := range k.few {
		k.seen[string(old)] = struct{}{}
	}
	return k.Add(key)
}

func (k *Keys) addFew(key []byte) bool {
	for _, old := range k.few[:k.count] {
		if bytes.Equal(old, key) {
			return false
		}
	}
	k.few[k.count] = key
	k.count++
	return true
}
