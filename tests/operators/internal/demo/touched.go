package demo

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const touchedAnnotation = "example.com/touched"

// Touch notes in an object that somebody else changes it now.
func Touch(object metav1.Object) {
	object.SetAnnotations(map[string]string{touchedAnnotation: time.Now().Format(time.RFC3339Nano)})
}

// Touched is when somebody else last changed an object, zero if never.
func Touched(object metav1.Object) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, object.GetAnnotations()[touchedAnnotation])
	return at
}
