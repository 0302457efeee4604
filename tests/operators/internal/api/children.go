package api

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const clusterLabel = "databases.example.com/cluster"

// Selector is what all that belongs to a database is labelled with.
func Selector(cluster string) map[string]string {
	return map[string]string{clusterLabel: cluster}
}

// Child is how all that belongs to a database is called.
func Child(cluster string) string {
	return cluster + "-db"
}

func child(namespace, cluster string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: Child(cluster), Labels: Selector(cluster)}
}

// StatefulSet runs a database.
func StatefulSet(namespace, cluster string, size int32) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: child(namespace, cluster),
		Spec: appsv1.StatefulSetSpec{
			Replicas:    ptr.To(size),
			ServiceName: cluster,
			Selector:    &metav1.LabelSelector{MatchLabels: Selector(cluster)},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: Selector(cluster)},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "database", Image: "database.example.com/database"}},
				},
			},
		},
	}
}

// Service leads to a database.
func Service(namespace, cluster string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: child(namespace, cluster),
		Spec: corev1.ServiceSpec{
			Selector: Selector(cluster),
			Ports:    []corev1.ServicePort{{Port: 6379}},
		},
	}
}

// Secret has the users of a database.
func Secret(namespace, cluster string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: child(namespace, cluster),
		StringData: map[string]string{"user": "operator"},
	}
}

// ConfigMap has the settings of a database.
func ConfigMap(namespace, cluster string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: child(namespace, cluster),
		Data:       map[string]string{"maxmemory": "64mb"},
	}
}
