import { test } from 'node:test';
import { buildProject, type Project, withoutUpstream } from '../kit/project.ts';

const PROJECT: Project = {
  requires: ['k8s.io/client-go v0.29.3', 'k8s.io/apimachinery v0.29.3'],
  main: `package main

import (
	_ "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
)

func main() { workqueue.New() }
`,
};

test('a Kubernetes client downloads, verifies and builds', { skip: await withoutUpstream() }, (t) =>
  buildProject(t, PROJECT),
);
