package api

import (
	"context"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Install makes the kinds known to the API server, and then the objects.
func (k Kinds) Install(ctx context.Context, config *rest.Config, scheme *runtime.Scheme, objects ...client.Object) error {
	own := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(own); err != nil {
		return err
	}
	definitions, err := client.New(config, client.Options{Scheme: own})
	if err != nil {
		return err
	}
	for _, kind := range []string{k.Cluster, k.Backup} {
		definition := k.definition(kind)
		if err := client.IgnoreAlreadyExists(definitions.Create(ctx, definition)); err != nil {
			return err
		}
		if err := waitEstablished(ctx, definitions, definition); err != nil {
			return err
		}
	}
	return Create(ctx, config, scheme, objects...)
}

// Create makes those of the objects that aren't there.
func Create(ctx context.Context, config *rest.Config, scheme *runtime.Scheme, objects ...client.Object) error {
	direct, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := client.IgnoreAlreadyExists(direct.Create(ctx, object)); err != nil {
			return err
		}
	}
	return nil
}

func (k Kinds) definition(kind string) *apiextensionsv1.CustomResourceDefinition {
	singular := strings.ToLower(kind)
	anything := apiextensionsv1.JSONSchemaProps{
		Type: "object", XPreserveUnknownFields: ptr.To(true),
	}
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: singular + "s." + k.Group},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: k.Group,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Kind: kind, ListKind: kind + "List", Singular: singular, Plural: singular + "s",
			},
			Scope: apiextensionsv1.NamespaceScoped,
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema:       &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &anything},
				Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
			}},
		},
	}
}

func waitEstablished(ctx context.Context, c client.Client, definition *apiextensionsv1.CustomResourceDefinition) error {
	key := client.ObjectKeyFromObject(definition)
	established := func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, key, definition); err != nil {
			return false, err
		}
		for _, condition := range definition.Status.Conditions {
			if condition.Type == apiextensionsv1.Established {
				return condition.Status == apiextensionsv1.ConditionTrue, nil
			}
		}
		return false, nil
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, time.Minute, true, established)
}
