/**
 * Go toolchains as modules: golang.org/toolchain@v0.0.1-go1.22.0.linux-amd64. Which one a go.mod or go.work asks for:
 * cmd/go toolchain/select.go.
 */
import { ModgateError } from '../errors/index.ts';
import { type ModuleVersion, parseModulePath, parseVersion } from '../module/index.ts';

export const TOOLCHAIN_PATH = parseModulePath('golang.org/toolchain');
/** go 1.21: the first whose go line counts as a minimum, and whose first release has ".0" */
const STRICT: readonly number[] = [1, 21];
const GO_VERSION = /^(\d+)\.(\d+)(?:\.(\d+)|(beta|rc)(\d+))?$/;

/** "go1.22.0", or undefined where any go command will do. */
export function toolchainNamed(go: string | undefined, toolchain: string | undefined): string | undefined {
  const named = /^go([^-\s]+)/.exec(toolchain ?? '')?.[1];
  const needed = [go, named].filter((one) => one !== undefined).filter((one) => compare(one, '1.21') >= 0);
  const [newest] = needed.sort((a, b) => compare(b, a));
  if (newest === undefined) return undefined;
  return /^\d+\.\d+$/.test(newest) ? `go${newest}.0` : `go${newest}`;
}

/** Go's order: 1.21 < 1.21rc1 < 1.21.0 < 1.21.1. */
function compare(a: string, b: string): number {
  const [x, y] = [ranks(a), ranks(b)];
  for (const [i, rank] of x.entries()) if (rank !== y[i]) return rank - (y[i] ?? 0);
  return 0;
}

const STAGES: Readonly<Record<string, number>> = { beta: 1, rc: 2 };
const RELEASE = 3;

function ranks(version: string): number[] {
  const [, major, minor, patch, stage, number] = GO_VERSION.exec(version) ?? [];
  const before = patch === undefined ? (STAGES[stage ?? ''] ?? 0) : RELEASE;
  return [Number(major ?? STRICT[0]), Number(minor ?? 0), before, Number(patch ?? number ?? 0)];
}

/** @param platforms "linux/amd64" */
export function toolchainModules(name: string, platforms: readonly string[]): ModuleVersion[] {
  return platforms.map((platform) => ({
    path: TOOLCHAIN_PATH,
    version: parseVersion(TOOLCHAIN_PATH, `v0.0.1-${name}.${platform.replace('/', '-')}`),
  }));
}

/** USAGE for what is no list of GOOS/GOARCH. */
export function readPlatforms(list: string): string[] {
  const platforms = list.split(',').map((one) => one.trim());
  for (const one of platforms)
    if (!/^[a-z0-9]+\/[a-z0-9]+$/.test(one))
      throw new ModgateError('USAGE', `${JSON.stringify(one)} is no platform`, {
        next: 'write GOOS/GOARCH, as linux/amd64,darwin/arm64',
      });
  return platforms;
}

const SYSTEMS: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' };
const MACHINES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** This machine, in Go's words. */
export function ownPlatform(): string {
  const { platform, arch } = process;
  return `${SYSTEMS[platform] ?? platform}/${MACHINES[arch] ?? arch}`;
}
