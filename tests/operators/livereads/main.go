// Command livereads reads in every way there is: from the cache and live, typed, unstructured and
// metadata only.
package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("livereads", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if err := api.Create(ctx, mgr.GetConfig(), mgr.GetScheme(), wanted(s)...); err != nil {
			return err
		}
		direct, err := client.New(mgr.GetConfig(), client.Options{})
		if err != nil {
			return err
		}
		reader := &Reader{
			Client: mgr.GetClient(), Cache: mgr.GetCache(), Live: mgr.GetAPIReader(), Direct: direct,
			Period: s.Period,
		}
		return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Named("livereads").Complete(reader)
	})
}

func wanted(s demo.Settings) []client.Object {
	var objects []client.Object
	for _, name := range s.Names() {
		meta := metav1.ObjectMeta{Namespace: s.Namespace, Name: api.Child(name), Labels: api.Selector(name)}
		objects = append(objects,
			api.StatefulSet(s.Namespace, name, 1),
			api.Service(s.Namespace, name),
			api.Secret(s.Namespace, name),
			&corev1.ServiceAccount{ObjectMeta: meta},
			&rbacv1.Role{ObjectMeta: meta},
		)
	}
	return objects
}
