package demo

// devicePosts are the clients at the far end of a serial line.
var devicePosts = []post{
	{"serial", "cbor", "board/line", "use", nil, []string{"sent_bytes", "damaged_bits"}},
}
