package demo

import (
	"encoding/json"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Pass is what one reconcile read and wrote: one line of the diary.
type Pass struct {
	Controller string   `json:"controller"`
	Namespace  string   `json:"namespace"`
	Name       string   `json:"name"`
	StartNs    int64    `json:"start_ns"`
	EndNs      int64    `json:"end_ns"`
	Reads      []Read   `json:"reads"`
	Writes     []Write  `json:"writes"`
	Outside    []string `json:"outside"` // what others than Kubernetes answered

	mutex sync.Mutex
}

// Read is a read of the cache or of the API server.
type Read struct {
	Source   string   `json:"source"` // cache or api
	Kind     string   `json:"kind"`
	Name     string   `json:"name"`     // empty for a list
	Versions []string `json:"versions"` // name=resourceVersion, sorted; none if it isn't there
}

// Write is a write and the resource versions before and after it.
type Write struct {
	Verb   string `json:"verb"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
	Failed bool   `json:"failed"`
}

// Begin is called first in Reconcile.
func Begin(controller string, req ctrl.Request) *Pass {
	return &Pass{Controller: controller, Namespace: req.Namespace, Name: req.Name, StartNs: now()}
}

// Got notes that an object was asked for; with an error it isn't there.
func (p *Pass) Got(source, kind, name string, object client.Object, err error) {
	read := Read{Source: source, Kind: kind, Name: name}
	if err == nil {
		read.Versions = []string{version(object)}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.Reads = append(p.Reads, read)
}

// Listed notes what a list had.
func (p *Pass) Listed(source, kind string, list client.ObjectList) {
	read := Read{Source: source, Kind: kind}
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		read.Versions = append(read.Versions, version(item.(client.Object)))
		return nil
	})
	slices.Sort(read.Versions)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.Reads = append(p.Reads, read)
}

// Wrote notes a write of an object that had the version before.
func (p *Pass) Wrote(verb, kind, before string, object client.Object, err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.Writes = append(p.Writes, Write{
		Verb: verb, Kind: kind, Name: object.GetName(),
		Before: before, After: object.GetResourceVersion(), Failed: err != nil,
	})
}

// Asked notes what somebody outside of Kubernetes answered.
func (p *Pass) Asked(answer string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.Outside = append(p.Outside, answer)
}

// End writes the line.
func (p *Pass) End() {
	p.EndNs = now()
	line, _ := json.Marshal(p)
	Note("pass", string(line))
}

func version(object client.Object) string {
	return object.GetName() + "=" + object.GetResourceVersion()
}
