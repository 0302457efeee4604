// Command rewatch has an informer whose watches the API server is asked to end after a period of
// whole seconds.
package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("rewatch", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		core, err := corev1client.NewForConfig(mgr.GetConfig())
		if err != nil {
			return err
		}
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		configMaps := core.ConfigMaps(s.Namespace)
		source := &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				return configMaps.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				o.TimeoutSeconds = ptr.To(int64(s.Period.Seconds()))
				return configMaps.Watch(ctx, o)
			},
		}
		informer := cache.NewSharedIndexInformer(source, &corev1.ConfigMap{}, 0, nil)
		return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
			informer.Run(ctx.Done())
			return nil
		}))
	})
}
