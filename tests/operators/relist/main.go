// Command relist may list ConfigMaps, but not watch them: its informer lists them again and again.
package main

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

const user = "lister"

func main() {
	demo.Main("relist", options, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		_, err := demo.NewStock(mgr, s)
		return err
	})
}

func options(s demo.Settings, o *ctrl.Options) {
	o.NewCache = func(config *rest.Config, opts cache.Options) (cache.Cache, error) {
		if err := allowToList(config, s.Namespace); err != nil {
			return nil, err
		}
		limited := rest.CopyConfig(config)
		limited.Impersonate.UserName = user
		opts.HTTPClient = nil
		return cache.New(limited, opts)
	}
}

// allowToList is what somebody wrote in the operator's Role.
func allowToList(config *rest.Config, namespace string) error {
	admin, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: user}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list"}},
	}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: user}},
		RoleRef:    rbacv1.RoleRef{Kind: "Role", Name: user},
	}
	for _, object := range []client.Object{role, binding} {
		if err := client.IgnoreAlreadyExists(admin.Create(context.Background(), object)); err != nil {
			return err
		}
	}
	return nil
}
