package certs_test

import (
	"fmt"
	"log"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/certs"
)

func ExampleStore_Settings() {
	store := certs.NewStore(certs.Options{})
	addr, err := carrier.Parse("tls://router.example:7441?client_auth=require")
	if err != nil {
		log.Fatal(err)
	}
	query, err := carrier.Query(addr, append(certs.ListenParams, certs.MinTLS)...)
	if err != nil {
		log.Fatal(err)
	}
	settings, err := store.Settings(addr, query)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings.ServerName)
	_, err = settings.Server("gosig/1")
	fmt.Println(err)
	_, err = settings.ClientAuthType()
	fmt.Println(err)
	// Output:
	// router.example
	// a tls:// listener needs a certificate: give cert=FILE and key=FILE
	// client_auth=require needs the CA of the clients: give ca=FILE
}
