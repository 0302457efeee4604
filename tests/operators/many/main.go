// Command many has many objects, eight workers, and lets other goroutines do the reading.
package main

import (
	"context"
	"flag"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

func main() {
	count := flag.Int("count", 200, "how many ConfigMaps there are besides the usual")
	demo.Main("many", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if err := api.Create(ctx, mgr.GetConfig(), mgr.GetScheme(), wanted(s, *count)...); err != nil {
			return err
		}
		parallel := &Parallel{mgr.GetClient(), mgr.GetAPIReader(), s.Period}
		err := ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}).
			Named("parallel").
			WithOptions(controller.Options{MaxConcurrentReconciles: 8}).
			Complete(parallel)
		if err != nil {
			return err
		}
		handing := &Handing{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Period: s.Period, jobs: make(chan job)}
		if err := mgr.Add(handing); err != nil {
			return err
		}
		return ctrl.NewControllerManagedBy(mgr).For(&corev1.Secret{}).Named("handing").Complete(handing)
	})
}

func wanted(s demo.Settings, count int) []client.Object {
	objects := []client.Object{api.Service(s.Namespace, s.Name)}
	for _, name := range s.Names() {
		objects = append(objects, api.Secret(s.Namespace, name))
	}
	for i := range count {
		objects = append(objects, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: fmt.Sprintf("one-of-many-%d", i), Labels: s.Labels(),
		}})
	}
	return objects
}
