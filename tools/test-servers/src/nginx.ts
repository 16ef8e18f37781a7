import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Binary, findBinary, onThisMachine } from './find.ts';
import { fromDebianPackage, fromSystemPackage } from './install.ts';
import { onFreePort, startDaemon, throwAwayPath } from './process.ts';
import { OwnServer, type StartOptions, type TestServer } from './server.ts';

/** What `startNginx` takes; there is none in the environment, as each has its own upstream. */
export interface NginxOptions extends StartOptions {
  /** The server behind it, e.g. `http://127.0.0.1:8080`. */
  readonly upstream: string;
}

// It knows no `--version`, and complains in its own name.
const machine = onThisMachine(['nginx'], (text) => text.includes('nginx: '));

function findNginx(): Promise<Binary> {
  return findBinary(
    'nginx',
    [
      machine,
      fromDebianPackage('nginx', 'usr/sbin/nginx'),
      fromSystemPackage('nginx-light', machine),
    ],
    'Install nginx.',
  );
}

/**
 * nginx as a caching proxy, as the headers of the upstream tell it. `X-Cache` of a response says what
 * it did: `MISS`, `HIT`, `EXPIRED`, `STALE`, `UPDATING`, `REVALIDATED`.
 *
 * @throws ServerUnavailableError when there is none and none can be had
 */
export async function startNginx({ upstream }: NginxOptions): Promise<TestServer> {
  const binary = await findNginx();
  const version = await versionOf(binary);
  return onFreePort(async (port) => {
    const folder = throwAwayPath('nginx');
    await mkdir(path.join(folder, 'tmp'), { recursive: true, mode: 0o700 });
    await writeFile(path.join(folder, 'nginx.conf'), configuration(upstream, port));
    const args = ['-p', folder, '-c', 'nginx.conf'];
    const start = () =>
      startDaemon({ name: 'nginx', binary, args, folder, readyText: 'RLIMIT_NOFILE' });
    const facts = { name: 'nginx', version, found: binary.found, url: `http://127.0.0.1:${port}` };
    return new OwnServer(facts, await start(), start);
  });
}

async function versionOf({ file, env }: Binary): Promise<string> {
  const { stderr } = await promisify(execFile)(file, ['-v'], { env: { ...process.env, ...env } });
  return /nginx\/(\S+)/.exec(stderr)?.[1] ?? 'unknown';
}

/** One process, so that none is left when it is killed. */
function configuration(upstream: string, port: number): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events {}
http {
  access_log off;
  ${kinds.map((kind) => `${kind}_temp_path tmp/${kind};`).join('\n  ')}
  proxy_cache_path kept keys_zone=all:1m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache all;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_cache_lock on;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`;
}
