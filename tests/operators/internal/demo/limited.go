package demo

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Limited is the access of a user who may do only so much with the ConfigMaps of the namespace, as
// somebody wrote it in a Role.
func Limited(config *rest.Config, s Settings, verbs ...string) (*rest.Config, error) {
	const user = "limited"
	admin, err := client.New(config, client.Options{})
	if err != nil {
		return nil, err
	}
	meta := metav1.ObjectMeta{Namespace: s.Namespace, Name: user}
	role := &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: verbs},
	}}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: meta,
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: user}},
		RoleRef:    rbacv1.RoleRef{Kind: "Role", Name: user},
	}
	for _, object := range []client.Object{role, binding} {
		if err := client.IgnoreAlreadyExists(admin.Create(context.Background(), object)); err != nil {
			return nil, err
		}
	}
	limited := rest.CopyConfig(config)
	limited.Impersonate.UserName = user
	return limited, nil
}
