import { setTimeout as sleep } from 'node:timers/promises';
import type { TestServer } from '@shopgpt/test-servers';
import { Redis } from 'ioredis';
import type { Fleet, Node } from '../faults/fleet.ts';

/** Something that goes wrong for a while, and whom it may keep from hearing. */
export interface Fault {
  readonly name: string;
  /** Two may strike at once when one strikes a process and the other the server. */
  readonly strikes: 'process' | 'server';
  readonly deafens: 'nobody' | 'one' | 'all';
  strike(fleet: Fleet, node: Node, server: TestServer): Promise<void> | void | undefined;
  heal?(fleet: Fleet, node: Node, server: TestServer): Promise<void> | void;
}

async function tell(server: TestServer, ...command: [string, ...string[]]): Promise<void> {
  const client = new Redis(server.url);
  await client.call(...command);
  client.disconnect();
}

/** What the checker lets happen, one or two at a time. */
export const faults: readonly Fault[] = [
  { name: 'nothing', strikes: 'server', deafens: 'nobody', strike: () => undefined },
  {
    name: 'its commands are cut',
    strikes: 'process',
    deafens: 'nobody',
    strike: (_fleet, node) => node.data?.cut(),
    heal: (_fleet, node) => node.data?.heal(),
  },
  {
    name: 'its commands fall into a black hole',
    strikes: 'process',
    deafens: 'nobody',
    strike: (_fleet, node) => node.data?.blackHole(),
    heal: (_fleet, node) => node.data?.heal(),
  },
  {
    name: 'its commands are slow',
    strikes: 'process',
    deafens: 'nobody',
    strike: (_fleet, node) => node.data?.delay(40),
    heal: (_fleet, node) => node.data?.heal(),
  },
  {
    name: 'its ears are cut',
    strikes: 'process',
    deafens: 'one',
    strike: (_fleet, node) => node.ears?.cut(),
    heal: (_fleet, node) => node.ears?.heal(),
  },
  {
    name: 'its ears are in a black hole',
    strikes: 'process',
    deafens: 'one',
    strike: (_fleet, node) => node.ears?.blackHole(),
    heal: (_fleet, node) => node.ears?.heal(),
  },
  {
    name: 'it is stopped',
    strikes: 'process',
    deafens: 'one',
    async strike(_fleet, node) {
      node.pause();
      await sleep(300);
      node.resume();
    },
  },
  {
    name: 'it is killed',
    strikes: 'process',
    deafens: 'one',
    strike: (_fleet, node) => node.kill(),
    heal: (_fleet, node) => node.restart(),
  },
  {
    name: 'Redis is stopped',
    strikes: 'server',
    deafens: 'all',
    strike: (_fleet, _node, server) => server.pause(),
    heal: (_fleet, _node, server) => server.resume(),
  },
  {
    name: 'Redis is killed',
    strikes: 'server',
    deafens: 'all',
    strike: (_fleet, _node, server) => server.kill(),
    heal: (_fleet, _node, server) => server.restart(),
  },
  {
    name: 'FLUSHALL',
    strikes: 'server',
    deafens: 'nobody',
    strike: (_fleet, _node, server) => tell(server, 'FLUSHALL'),
  },
  {
    name: 'SCRIPT FLUSH',
    strikes: 'server',
    deafens: 'nobody',
    strike: (_fleet, _node, server) => tell(server, 'SCRIPT', 'FLUSH'),
  },
  {
    name: 'all connections are killed',
    strikes: 'server',
    deafens: 'all',
    async strike(_fleet, _node, server) {
      await tell(server, 'CLIENT', 'KILL', 'TYPE', 'pubsub');
      await tell(server, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    },
  },
];
