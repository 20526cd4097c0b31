import { test } from 'node:test';
import { buildProject, type Project, withoutUpstream } from '../kit/project.ts';

const PROJECT: Project = {
  requires: ['github.com/gin-gonic/gin v1.10.0'],
  main: `package main

import "github.com/gin-gonic/gin"

func main() { gin.New().GET("/", func(c *gin.Context) { c.String(200, "hello") }) }
`,
};

test('a web service downloads, verifies and builds', { skip: await withoutUpstream() }, (t) =>
  buildProject(t, PROJECT),
);
