// Command throttled asks the API server without a pause; client-go's rate limit makes one, as long
// as the period.
package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

// Asker reads one ConfigMap again and again.
type Asker struct {
	client.Reader
	Key types.NamespacedName
}

func main() {
	demo.Main("throttled", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		config := rest.CopyConfig(mgr.GetConfig())
		config.QPS = float32(1 / s.Period.Seconds())
		config.Burst = 1
		slow, err := client.New(config, client.Options{})
		if err != nil {
			return err
		}
		return mgr.Add(&Asker{slow, types.NamespacedName{Namespace: s.Namespace, Name: s.Names()[0]}})
	})
}

// Start runs until ctx ends.
func (a *Asker) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		var configMap corev1.ConfigMap
		if err := a.Get(ctx, a.Key, &configMap); err != nil { //@arms
			return client.IgnoreNotFound(err)
		}
		demo.Note("tick", "")
	}
	return nil
}
