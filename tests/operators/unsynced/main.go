// Command unsynced waits for an informer that may not list its ConfigMaps and so never has them.
package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("unsynced", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		limited, err := demo.Limited(mgr.GetConfig(), s, "get")
		if err != nil {
			return err
		}
		core, err := corev1client.NewForConfig(limited)
		if err != nil {
			return err
		}
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		all := cache.NewListWatchFromClient(core.RESTClient(), "configmaps", s.Namespace, fields.Everything())
		informer := cache.NewSharedIndexInformer(all, &corev1.ConfigMap{}, 0, nil)
		return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
			go informer.RunWithContext(ctx)
			cache.WaitForCacheSync(ctx.Done(), func() bool {
				demo.Note("asked", "")
				return informer.HasSynced()
			})
			return nil
		}))
	})
}
