package link

// OfVersion returns the options of an end that speaks another version.
func OfVersion(o Options, version, least byte) Options {
	o.version, o.minVersion = version, least
	return o
}
