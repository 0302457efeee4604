// Command stores asks stores of client-go for objects of all sorts and notes what they have. It needs
// no API server.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/cache"

	"whowoke.test/operators/internal/demo"
)

const namespace = "stores"

// Fact is what a store was asked for, and what it has.
type Fact struct {
	Type      string   `json:"type"`
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	List      bool     `json:"list"`
	Versions  []string `json:"versions"` // of each object of that type, else empty
	Pointers  []uint64 `json:"pointers"`
}

// Late has its metadata where no object of Kubernetes has it.
type Late struct {
	Spec [64]byte
	metav1.TypeMeta
	metav1.ObjectMeta
}

// Big has none.
type Big struct {
	Words [64]uint64
}

func main() {
	fmt.Println("ready", os.Getpid())
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	write("begin", Fact{})
	for _, length := range []int{0, 1, 15, 16, 17, 1023, 1024, 1025, 4095, 4096, 4097} {
		var objects []any
		for i := range length {
			objects = append(objects, configMap(fmt.Sprint("item-", i), fmt.Sprint(1000+i)))
		}
		lists(objects)
	}
	for _, length := range []int{0, 1, 7, 8, 9, 31, 32, 33, 300} {
		object := configMap("item", strings.Repeat("v", length))
		lists([]any{object, configMap("other", "1")})
		gets(namespace, "item", object)
	}
	fields := map[string]any{"metadata": map[string]any{"resourceVersion": "7"}}
	metadata := &metav1.PartialObjectMetadata{ObjectMeta: meta("item", "8")}
	text := "text"
	for _, object := range []any{
		&unstructured.Unstructured{Object: fields}, metadata, &Late{ObjectMeta: meta("item", "9")},
		&Big{}, &text,
	} {
		lists([]any{object})
		gets(namespace, "item", object)
	}
	lists([]any{configMap("item", "1"), metadata})
	gets("", "item", configMap("item", "1"))
	gets(namespace, strings.Repeat("n", 100), configMap("item", "1"))
	gets(namespace, "missing", nil)
	write("end", Fact{})
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

func meta(name, version string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: version}
}

func configMap(name, version string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: meta(name, version)}
}

// lists asks for all of the objects in the ways that there are.
func lists(objects []any) {
	all := func(any) ([]string, error) { return []string{namespace}, nil }
	indexers := cache.Indexers{cache.NamespaceIndex: all, "other": all}
	next := 0
	key := func(any) (string, error) { next++; return fmt.Sprint(next), nil }
	indexer := cache.NewIndexer(key, indexers)
	for _, object := range objects {
		check(indexer.Add(object))
	}
	listed("", indexer.List())
	for name, seen := range map[string]string{cache.NamespaceIndex: namespace, "other": ""} {
		found, err := indexer.ByIndex(name, namespace)
		check(err)
		listed(seen, found)
		found, err = indexer.Index(name, &metav1.ObjectMeta{Namespace: namespace})
		check(err)
		listed(seen, found)
		found, err = indexer.Index(name, configMap("asked", ""))
		check(err)
		listed(seen, found)
	}
	_, err := indexer.ByIndex("missing", namespace)
	if err == nil {
		panic("an index that isn't there")
	}
	listed("", nil)
}

// gets asks for one object by its key.
func gets(namespace, name string, object any) {
	key := namespace + "/" + name
	if namespace == "" {
		key = name
	}
	store := cache.NewStore(func(any) (string, error) { return key, nil })
	fact := Fact{Namespace: namespace, Name: name}
	if object != nil {
		check(store.Add(object))
		fact.add(object)
	}
	_, exists, err := store.GetByKey(key)
	check(err)
	if exists != (object != nil) {
		panic(key)
	}
	write("cache", fact)
}

func listed(namespace string, objects []any) {
	fact := Fact{Namespace: namespace, List: true}
	for _, object := range objects {
		fact.add(object)
	}
	write("cache", fact)
}

func (f *Fact) add(object any) {
	goType, version := fmt.Sprintf("%T", object), ""
	if f.Type == "" {
		f.Type = goType
	}
	switch typed := object.(type) {
	case *corev1.ConfigMap:
		version = typed.ResourceVersion
	case *metav1.PartialObjectMetadata:
		version = typed.ResourceVersion
	}
	if goType != f.Type {
		version = ""
	}
	f.Versions = append(f.Versions, version)
	f.Pointers = append(f.Pointers, uint64(reflect.ValueOf(object).Pointer()))
}

func write(what string, fact Fact) {
	line, _ := json.Marshal(fact)
	demo.Note(what, string(line))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
