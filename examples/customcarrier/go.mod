module example.org/customcarrier

go 1.26.6

require github.com/gosig/gosig v0.0.0-00010101000000-000000000000

require (
	github.com/fxamacker/cbor/v2 v2.9.6 // indirect
	github.com/x448/float16 v0.8.4 // indirect
)

replace github.com/gosig/gosig => ../../
