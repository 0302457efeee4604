// Command missingkind watches a kind whose CustomResourceDefinition nobody has installed.
package main

import (
	"context"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"whowoke.test/operators/internal/demo"
)

var missing = schema.GroupVersionKind{Group: "demo.example.com", Version: "v1", Kind: "Missing"}

// Lookups notes when somebody asks for the missing kind.
type Lookups struct {
	meta.RESTMapper
}

func main() {
	demo.Main("missingkind", options, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		object := &unstructured.Unstructured{}
		object.SetGroupVersionKind(missing)
		return ctrl.NewControllerManagedBy(mgr).
			For(object).
			WithOptions(controller.Options{CacheSyncTimeout: time.Hour}).
			Complete(reconcile.Func(nothing))
	})
}

func options(_ demo.Settings, o *ctrl.Options) {
	o.MapperProvider = func(config *rest.Config, client *http.Client) (meta.RESTMapper, error) {
		mapper, err := apiutil.NewDynamicRESTMapper(config, client)
		return &Lookups{mapper}, err
	}
}

func nothing(context.Context, ctrl.Request) (ctrl.Result, error) {
	return ctrl.Result{}, nil
}

// RESTMapping looks a kind up.
func (l *Lookups) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	if kind == missing.GroupKind() {
		demo.Note("lookup", kind)
	}
	return l.RESTMapper.RESTMapping(kind, versions...)
}
