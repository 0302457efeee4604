// Command webhooked serves a validating webhook; it looks at its certificate files every period.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"os"
	"path/filepath"

	certutil "k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"whowoke.test/operators/internal/demo"
)

func main() {
	port := flag.Int("webhook-port", 9443, "port of the webhook server, on 127.0.0.1")
	folder := flag.String("cert-dir", "", "where certificate and key are made")
	demo.Main("webhooked", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		certificate, key, err := selfSigned(*folder)
		if err != nil {
			return err
		}
		watcher, err := certwatcher.New(certificate, key)
		if err != nil {
			return err
		}
		server := webhook.NewServer(webhook.Options{
			Host: "127.0.0.1",
			Port: *port,
			TLSOpts: []func(*tls.Config){func(c *tls.Config) {
				c.GetCertificate = watcher.GetCertificate
			}},
		})
		server.Register("/validate", &webhook.Admission{Handler: admission.HandlerFunc(validate)})
		if err := mgr.Add(watcher.WithWatchInterval(s.Period)); err != nil {
			return err
		}
		return mgr.Add(server)
	})
}

func validate(_ context.Context, request admission.Request) admission.Response {
	demo.Note("webhook", request.Name)
	return admission.Allowed("")
}

func selfSigned(folder string) (certificate, key string, err error) {
	certificate, key = filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key")
	ours, private, err := certutil.GenerateSelfSignedCertKey("localhost", nil, nil)
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(certificate, ours, 0o600); err != nil {
		return "", "", err
	}
	return certificate, key, os.WriteFile(key, private, 0o600)
}
