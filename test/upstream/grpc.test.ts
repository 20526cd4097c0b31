import { test } from 'node:test';
import { buildProject, type Project, withoutUpstream } from '../kit/project.ts';

const PROJECT: Project = {
  requires: ['google.golang.org/grpc v1.62.1'],
  main: `package main

import "google.golang.org/grpc"

func main() { grpc.NewServer() }
`,
};

test('a gRPC service downloads, verifies and builds', { skip: await withoutUpstream() }, (t) =>
  buildProject(t, PROJECT),
);
