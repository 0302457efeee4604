// Package api has two kinds of a database operator, whose names its operators choose, and what such
// an operator makes in Kubernetes.
package api

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
)

// Kinds is how the kinds are called.
type Kinds struct {
	Group   string
	Cluster string
	Backup  string
}

// Usual names.
var Usual = Kinds{Group: "databases.example.com", Cluster: "Cluster", Backup: "Backup"}

// Cluster is a database.
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ClusterSpec   `json:"spec,omitempty"`
	Status            ClusterStatus `json:"status,omitempty"`
}

// ClusterSpec is what is wanted.
type ClusterSpec struct {
	Size int32 `json:"size,omitempty"`
}

// ClusterStatus is what is there.
type ClusterStatus struct {
	State string `json:"state,omitempty"`
	Ready int32  `json:"ready,omitempty"`
}

// Backup is a copy of a database.
type Backup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              BackupSpec   `json:"spec,omitempty"`
	Status            BackupStatus `json:"status,omitempty"`
}

// BackupSpec is what is wanted.
type BackupSpec struct {
	Cluster string `json:"cluster,omitempty"`
}

// BackupStatus is what is there.
type BackupStatus struct {
	State string `json:"state,omitempty"`
}

// ClusterList is a list of Clusters.
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Cluster `json:"items"`
}

// BackupList is a list of Backups.
type BackupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Backup `json:"items"`
}

// Scheme has Kubernetes' own kinds and these.
func (k Kinds) Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	version := schema.GroupVersion{Group: k.Group, Version: "v1"}
	scheme.AddKnownTypeWithName(version.WithKind(k.Cluster), &Cluster{})
	scheme.AddKnownTypeWithName(version.WithKind(k.Cluster+"List"), &ClusterList{})
	scheme.AddKnownTypeWithName(version.WithKind(k.Backup), &Backup{})
	scheme.AddKnownTypeWithName(version.WithKind(k.Backup+"List"), &BackupList{})
	metav1.AddToGroupVersion(scheme, version)
	return scheme
}

// DeepCopy copies.
func (c *Cluster) DeepCopy() *Cluster {
	copied := *c
	copied.ObjectMeta = *c.ObjectMeta.DeepCopy()
	return &copied
}

// DeepCopyObject copies.
func (c *Cluster) DeepCopyObject() runtime.Object { return c.DeepCopy() }

// DeepCopy copies.
func (b *Backup) DeepCopy() *Backup {
	copied := *b
	copied.ObjectMeta = *b.ObjectMeta.DeepCopy()
	return &copied
}

// DeepCopyObject copies.
func (b *Backup) DeepCopyObject() runtime.Object { return b.DeepCopy() }

// DeepCopyObject copies.
func (l *ClusterList) DeepCopyObject() runtime.Object {
	copied := &ClusterList{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy()}
	for i := range l.Items {
		copied.Items = append(copied.Items, *l.Items[i].DeepCopy())
	}
	return copied
}

// DeepCopyObject copies.
func (l *BackupList) DeepCopyObject() runtime.Object {
	copied := &BackupList{TypeMeta: l.TypeMeta, ListMeta: *l.ListMeta.DeepCopy()}
	for i := range l.Items {
		copied.Items = append(copied.Items, *l.Items[i].DeepCopy())
	}
	return copied
}
