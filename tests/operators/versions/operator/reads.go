package main

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Reads asks the cache and the API server and notes what they answered: tests/facts.py.
type Reads struct {
	Direct client.Client
}

// all is called when a ConfigMap was read from the cache.
func (r *Reads) all(ctx context.Context, cached client.Client, own *corev1.ConfigMap) error {
	noteFact("cache", fact{
		"kind": "ConfigMap", "type": "*v1.ConfigMap", "namespace": own.Namespace,
		"name": own.Name, "versions": []string{own.ResourceVersion},
	})
	var list corev1.ConfigMapList
	if err := cached.List(ctx, &list, client.InNamespace(own.Namespace)); err != nil {
		return err
	}
	noteFact("cache", fact{
		"kind": "ConfigMap", "type": "*v1.ConfigMap", "namespace": own.Namespace,
		"list": true, "versions": versions(list.Items),
	})

	path := "/api/v1/namespaces/" + own.Namespace + "/configmaps"
	var live corev1.ConfigMap
	if err := r.Direct.Get(ctx, client.ObjectKeyFromObject(own), &live); err != nil {
		return err
	}
	noteFact("api", answered("GET", path+"/"+own.Name, "", &live))
	list = corev1.ConfigMapList{}
	if err := r.Direct.List(ctx, &list, client.InNamespace(own.Namespace)); err != nil {
		return err
	}
	noteFact("api", fact{
		"method": "GET", "path": path, "status": 200, "type": "*v1.ConfigMapList", "list": true,
		"versions": versions(list.Items), "list_version": list.ResourceVersion,
	})
	sent := live.ResourceVersion
	if err := r.Direct.Update(ctx, &live); err != nil {
		return err
	}
	noteFact("api", answered("PUT", path+"/"+own.Name, sent, &live))
	noteFact("end", fact{})
	return nil
}

type fact map[string]interface{}

func noteFact(what string, about fact) {
	line, _ := json.Marshal(about)
	note(what, string(line))
}

func answered(method, path, sent string, object *corev1.ConfigMap) fact {
	return fact{
		"method": method, "path": path, "status": 200, "type": "*v1.ConfigMap", "sent": sent,
		"namespace": object.Namespace, "name": object.Name,
		"versions": []string{object.ResourceVersion},
	}
}

func versions(items []corev1.ConfigMap) []string {
	var found []string
	for i := range items {
		found = append(found, items[i].ResourceVersion)
	}
	return found
}
