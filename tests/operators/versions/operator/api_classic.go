package main

import ctrl "sigs.k8s.io/controller-runtime"

func init() {
	priority := false
	queueOption = func(o *ctrl.Options) { o.Controller.UsePriorityQueue = &priority }
}
