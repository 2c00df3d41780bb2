package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/ports"
)

func newPorts(a *app) *cobra.Command {
	var output, root string
	cmd := &cobra.Command{
		Use:   "ports",
		Short: "List the serial ports of this host, with the USB devices behind them",
		Long: text(`
			ports lists the serial ports that this host has, and for each the address to
			listen on or to connect to. It opens none, since that resets many boards: see
			"gosig probe" for whether anything talks there.

			The address names the port by /dev/serial/by-id where there is such a name: it
			stays the same when the device is plugged in again, or elsewhere, while the
			number of a /dev/ttyUSB0 depends on the order of plugging in.

			With -o json it is one object a line for each port: "path", "stable" (the name
			that stays, if there is one), "url", "driver", "usb" (null, or "vendor_id",
			"product_id", "vendor", "product", "serial", "interface"), and "access": "ok", or
			why this user may not open it.`),
		Example: text(`
			  gosig ports
			  gosig serve --listen "$(gosig ports -o json | jq -r 'select(.usb.vendor_id == "0403").url')"`),
		Args: args(0, 0, "none"),
		RunE: func(*cobra.Command, []string) error {
			list, err := ports.List(root)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				a.notice("this host has no serial port; a device that was plugged in now may take some seconds")
			}
			if output == outJSON {
				for _, p := range list {
					if _, err := fmt.Fprintf(a.std.Out, "%s\n", toJSON(p)); err != nil {
						return err
					}
				}
				return nil
			}
			return printPorts(a.std.Out, list)
		},
	}
	cmd.Flags().StringVar(&root, "root", "/", "folder in which the system's /sys and /dev are, such as of a mounted image")
	outputFlag(cmd, &output, outText)
	return cmd
}

func printPorts(w io.Writer, list []ports.Port) error {
	for _, p := range list {
		var b strings.Builder
		fmt.Fprintf(&b, "%s\n", p.URL)
		if p.Stable != "" {
			fmt.Fprintf(&b, "  now %s\n", p.Path)
		}
		if p.USB != nil {
			fmt.Fprintf(&b, "  USB %s\n", usbText(p.USB))
		}
		if p.Driver != "" {
			fmt.Fprintf(&b, "  driver %s\n", p.Driver)
		}
		if p.Access != ports.AccessOK {
			fmt.Fprintf(&b, "  %s\n", p.Access)
		}
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func usbText(u *ports.USB) string {
	text := fmt.Sprintf("%s:%s", u.VendorID, u.ProductID)
	for _, part := range []struct{ name, value string }{
		{"", u.Vendor}, {"", u.Product}, {"serial number ", u.Serial}, {"interface ", u.Interface},
	} {
		if part.value != "" {
			text += ", " + part.name + part.value
		}
	}
	return text
}
