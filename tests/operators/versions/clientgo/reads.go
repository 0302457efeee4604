package main

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
)

// Reads asks a lister and the API server and notes what they answered: tests/facts.py.
type Reads struct {
	Lister listers.ConfigMapLister
	Live   corev1client.ConfigMapsGetter
}

func (r *Reads) all(ctx context.Context, namespace, name string) error {
	noteFact("begin", fact{})
	own, err := r.Lister.ConfigMaps(namespace).Get(name)
	if err != nil {
		return err
	}
	noteFact("cache", fact{
		"type": "*v1.ConfigMap", "namespace": namespace, "name": name,
		"versions": []string{own.ResourceVersion},
	})
	for _, where := range []string{namespace, ""} {
		items, err := r.Lister.ConfigMaps(where).List(labels.Everything())
		if err != nil {
			return err
		}
		var versions []string
		for _, item := range items {
			versions = append(versions, item.ResourceVersion)
		}
		noteFact("cache", fact{
			"type": "*v1.ConfigMap", "namespace": where, "list": true, "versions": versions,
		})
	}

	path := "/api/v1/namespaces/" + namespace + "/configmaps"
	live, err := r.Live.ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	noteFact("api", answered("GET", path+"/"+name, live))
	list, err := r.Live.ConfigMaps(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var versions []string
	for i := range list.Items {
		versions = append(versions, list.Items[i].ResourceVersion)
	}
	noteFact("api", fact{
		"method": "GET", "path": path, "status": 200, "type": "*v1.ConfigMapList", "list": true,
		"versions": versions, "list_version": list.ResourceVersion,
	})
	// The answer is decoded into a new object: what was sent isn't seen.
	updated, err := r.Live.ConfigMaps(namespace).Update(ctx, live, metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	noteFact("api", answered("PUT", path+"/"+name, updated))
	noteFact("end", fact{})
	return nil
}

type fact map[string]interface{}

func noteFact(what string, about fact) {
	line, _ := json.Marshal(about)
	note(what, string(line))
}

func answered(method, path string, object *corev1.ConfigMap) fact {
	return fact{
		"method": method, "path": path, "status": 200, "type": "*v1.ConfigMap",
		"namespace": object.Namespace, "name": object.Name,
		"versions": []string{object.ResourceVersion},
	}
}
