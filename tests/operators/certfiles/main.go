// Command certfiles has its client certificate in files, at which client-go looks every period.
package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"runtime"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"whowoke.test/operators/internal/demo"
)

func main() {
	folder := flag.String("cert-dir", "", "where certificate and key are kept")
	demo.Main("certfiles", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		transport.CertCallbackRefreshDuration = s.Period
		config, err := inFiles(mgr.GetConfig(), *folder)
		if err != nil {
			return err
		}
		core, err := corev1client.NewForConfig(config)
		if err != nil {
			return err
		}
		if _, err := core.ConfigMaps(s.Namespace).Get(ctx, s.Names()[0], metav1.GetOptions{}); err != nil {
			return err
		}
		return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
			<-ctx.Done()
			runtime.KeepAlive(core) // whose files nobody looks at once it is collected
			return nil
		}))
	})
}

func inFiles(config *rest.Config, folder string) (*rest.Config, error) {
	config = rest.CopyConfig(config)
	tls := &config.TLSClientConfig
	tls.CertFile, tls.KeyFile = filepath.Join(folder, "client.crt"), filepath.Join(folder, "client.key")
	if err := os.WriteFile(tls.CertFile, tls.CertData, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(tls.KeyFile, tls.KeyData, 0o600); err != nil {
		return nil, err
	}
	tls.CertData, tls.KeyData = nil, nil
	return config, nil
}
