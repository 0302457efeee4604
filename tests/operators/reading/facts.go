package main

import (
	"encoding/json"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

// Fact is what one read or write asked for, and what the answer was.
type Fact struct {
	Kind      string   `json:"kind"` // of a cache; a lister's is empty
	Type      string   `json:"type"` // Go's
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	List      bool     `json:"list"`
	Versions  []string `json:"versions"` // of an object its own, of a list each item's

	Method      string `json:"method"`
	Host        string `json:"host"`
	Path        string `json:"path"`
	Status      int    `json:"status"`
	Sent        string `json:"sent"`
	ListVersion string `json:"list_version"`
}

func write(what string, fact Fact) {
	line, _ := json.Marshal(fact)
	demo.Note(what, string(line))
}

// got notes a read of one object from a cache.
func got(kind, goType, namespace, name string, object client.Object, err error) {
	fact := Fact{Kind: kind, Type: goType, Namespace: namespace, Name: name}
	if err == nil {
		fact.Versions = []string{object.GetResourceVersion()}
	} else if !apierrors.IsNotFound(err) {
		panic(err)
	}
	write("cache", fact)
}

func listed(kind, goType, namespace string, list client.ObjectList) {
	fact := Fact{Kind: kind, Type: goType, Namespace: namespace, List: true, Versions: versions(list)}
	write("cache", fact)
}

// answered notes an answer of the API server; without an object only that there was one.
func answered(method, path, goType, sent string, object client.Object, err error) {
	fact := Fact{Method: method, Path: path, Type: goType, Sent: sent, Status: 200}
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status):
		fact.Status = int(status.Status().Code)
	case err != nil:
		panic(err)
	case method == "POST":
		fact.Status = 201
	}
	if object != nil {
		fact.Namespace, fact.Name = object.GetNamespace(), object.GetName()
		fact.Versions = []string{object.GetResourceVersion()}
	}
	write("api", fact)
}

func answeredList(method, path, goType string, list client.ObjectList) {
	write("api", Fact{
		Method: method, Path: path, Type: goType, Status: 200, List: true,
		Versions: versions(list), ListVersion: list.GetResourceVersion(),
	})
}

func versions(list client.ObjectList) []string {
	found := []string{}
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		found = append(found, item.(client.Object).GetResourceVersion())
		return nil
	})
	return found
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
