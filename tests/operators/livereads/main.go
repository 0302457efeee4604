// Command livereads reads in every way there is: from the cache and live, typed, unstructured and
// metadata only, through an informer of client-go, and at one line in an order that changes.
package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

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
		if err := mgr.GetFieldIndexer().IndexField(ctx, &corev1.ConfigMap{}, ownerField, ownerOf); err != nil {
			return err
		}
		accounts, err := informer(mgr, s.Namespace)
		if err != nil {
			return err
		}
		reader := &Reader{
			Client: mgr.GetClient(), Cache: mgr.GetCache(), Live: mgr.GetAPIReader(), Direct: direct,
			Store: accounts.GetIndexer(), Period: s.Period,
		}
		return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Named("livereads").Complete(reader)
	})
}

// Whose objects there are: one has some, the others have none.
var owners = map[string]bool{"livereads": true, "nobody": true, "somebody": true, "anybody": true}

const (
	ownerLabel = "example.com/owner"
	ownerField = "owner"
)

func ownerOf(object client.Object) []string {
	return []string{object.GetNamespace()}
}

// informer is one of client-go, as operators without controller-runtime have it.
func informer(mgr ctrl.Manager, namespace string) (toolscache.SharedIndexInformer, error) {
	core, err := corev1client.NewForConfig(mgr.GetConfig())
	if err != nil {
		return nil, err
	}
	all := toolscache.NewListWatchFromClient(core.RESTClient(), "serviceaccounts", namespace, fields.Everything())
	accounts := toolscache.NewSharedIndexInformer(all, &corev1.ServiceAccount{}, 0, toolscache.Indexers{})
	return accounts, mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		accounts.RunWithContext(ctx)
		return nil
	}))
}

func wanted(s demo.Settings) []client.Object {
	var objects []client.Object
	for _, name := range s.Names() {
		meta := metav1.ObjectMeta{
			Namespace: s.Namespace, Name: api.Child(name), Labels: map[string]string{ownerLabel: "livereads"},
		}
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
