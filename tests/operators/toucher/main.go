// Command toucher is somebody else: it changes each ConfigMap, or object of another kind, of a
// namespace every period.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

func main() {
	namespace := flag.String("namespace", "", "whose objects are changed")
	version := flag.String("api-version", "v1", "of their kind")
	kind := flag.String("kind", "ConfigMap", "of what kind they are")
	period := flag.Duration("period", 15*time.Second, "how often")
	flag.Parse()
	about := schema.FromAPIVersionAndKind(*version, *kind+"List")
	if err := run(ctrl.SetupSignalHandler(), about, *namespace, *period); err != nil {
		fmt.Fprintln(os.Stderr, "toucher:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kind schema.GroupVersionKind, namespace string, period time.Duration) error {
	direct, err := client.New(ctrl.GetConfigOrDie(), client.Options{})
	if err != nil {
		return err
	}
	ticker := time.NewTicker(period)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		all := &unstructured.UnstructuredList{}
		all.SetGroupVersionKind(kind)
		if err := direct.List(ctx, all, client.InNamespace(namespace)); err != nil {
			return err
		}
		for _, object := range all.Items {
			touched := object.DeepCopy()
			demo.Touch(touched)
			demo.Note("touch", object.GetName())
			if err := direct.Patch(ctx, touched, client.MergeFrom(&object)); err != nil {
				return err
			}
		}
	}
}
