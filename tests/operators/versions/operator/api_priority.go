package main

import ctrl "sigs.k8s.io/controller-runtime"

func init() {
	priority := true
	queueOption = func(o *ctrl.Options) { o.Controller.UsePriorityQueue = &priority }
}
