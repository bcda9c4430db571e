// Which attempt is made next: units of work (a mail for one destination) in, those that may begin out; no clock, no timer.
//
// Rule 1: a unit begins when its time has come, its destination has room, and there is a place; in no other case.
// Rule 2: destinations that have work and room take turns. So no destination, dead, slow or busy, holds up another.
// Rule 3: those that did not answer when last asked share half of the places, and those that only bounces are for, which a
//         stranger can have sent to as many domains as he likes, a quarter: however many they are, the others have the rest.
//         And an attempt that takes long, at a destination that was not known to be slow, gives its place to others: whoever runs a
//         server may take minutes for each reply, and fifty of them with two mails each would hold up all the rest.
// Rule 4: for one destination fresh mail goes before mail that was tried in vain, except that each fourth turn is a retry's:
//         an old mail waits long, not for ever.
// Rule 5: in each of the two lines senders take turns, and the mails of one sender keep their order. So a bulk sender holds up
//         nobody but himself.
// Rule 6: while a destination is dead its units wait for it, however often their own times come. When it has been found dead,
//         those whose life is over are given up: the attempt that was just made stands for theirs.
//
// Destinations are told apart by a key that the caller makes; what is known of one is kept as long as there is work for it.
// Several mails on one connection are no matter of turns: who ends an attempt leaves the connection in a pool (node/pool.ts),
// and the next unit of the same destination finds it there.

import { Agenda } from './agenda.ts';
import { Destination, type Effect } from './destination.ts';
import type { RetrySchedule } from './schedule.ts';
import { Turns } from './turns.ts';

export interface Unit {
  /** It may become another while the unit is in hand. */
  readonly destination: string;
  /** '' for a bounce. */
  readonly sender: string;
  /** When it is given up. */
  readonly expires: number;
}

export interface SchedulerOptions {
  /** By whose intervals a dead destination is tried. When mails are due is for the caller to say. */
  readonly schedule: RetrySchedule;
  /** Most attempts at a time; there may be four times as many besides that take long. Default: 100. */
  readonly places?: number;
  /** Most attempts at a time for one destination. Default: 20. */
  readonly widest?: number;
}

/** Turns of one destination after which a retry goes before fresh mail. */
const RETRY_TURN = 4;

/** Milliseconds after which an attempt takes long. */
const LONG = 30_000;

/** So many attempts that take long there may be, for each place. */
const MOST_LONG = 4;

/** The rings of destinations, and which part of the places those in each may have at a time. */
const PARTS = {
  trusted: Infinity, //  what the others leave
  doubtful: 1 / 2, //    did not answer when last asked
  bounces: 1 / 4, //     nothing else waits for them
} as const;

type Ring = keyof typeof PARTS;

/** Whose turn it is, by whose it was. */
const AFTER: Readonly<Record<Ring, readonly Ring[]>> = {
  trusted:  ['doubtful', 'bounces', 'trusted'],
  doubtful: ['bounces', 'trusted', 'doubtful'],
  bounces:  ['trusted', 'doubtful', 'bounces'],
};

const RINGS = AFTER.bounces;

/** A unit in hand. */
interface Place<Work extends Unit> {
  readonly group: Group<Work>;
  readonly ring: Ring;
  begun: number;
  long: boolean; // it takes long, and others have its place
  left: boolean; // the attempt goes elsewhere, and counts for the destination no more
}

/** A destination with its units that are due. */
interface Group<Work extends Unit> {
  readonly destination: Destination;
  readonly fresh: Line<Work>;
  readonly retries: Line<Work>;
  units: number; // in charge of this group: planned, due or in hand
  turn: number;
}

type Appointment<Work extends Unit> = { readonly type: 'unit'; readonly unit: Work; readonly fresh: boolean } | { readonly type: 'probe'; readonly group: Group<Work> };

export class Scheduler<Work extends Unit> {
  readonly #options: Required<SchedulerOptions>;
  readonly #groups = new Map<string, Group<Work>>();
  readonly #agenda = new Agenda<Appointment<Work>>();
  readonly #rings: Readonly<Record<Ring, Turns<Group<Work>>>> = { trusted: new Turns(), doubtful: new Turns(), bounces: new Turns() }; // groups with work and room, the one whose turn it is first
  readonly #inHand = new Map<Work, Place<Work>>(); // the one that began first comes first
  readonly #withdrawn = new Set<Work>(); // units that are done with, whose times are in the agenda still
  readonly #inHandOf: Record<Ring, number> = { trusted: 0, doubtful: 0, bounces: 0 };
  #long = 0; //            of those in hand
  #placeAt = Infinity; //  when an attempt takes long whose place somebody waits for
  #last: Ring = 'bounces'; // whose the last unit was

  constructor({ schedule, places = 100, widest = 20 }: SchedulerOptions) {
    this.#options = { schedule, places, widest };
  }

  /** When `next` is to be asked again, unless something is added or ends before; Infinity: not until then. */
  get wakeAt(): number {
    return Math.min(this.#agenda.nextAt, this.#placeAt);
  }

  /** Takes charge of a unit that is due at a time; `fresh`: it has never been tried. */
  add(unit: Work, at: number, fresh: boolean): void {
    this.#group(unit.destination).units += 1;
    this.#agenda.add({ type: 'unit', unit, fresh }, at);
  }

  /** Returns a unit to begin now; undefined: none may. Each must come to its `end`. */
  next(now: number): Work | undefined {
    this.#keepAppointments(now);
    const ring = this.#hasPlace(now) ? this.#whoseTurn() : undefined;
    const group = ring && this.#rings[ring].take();
    if (ring === undefined || group === undefined) return undefined;
    group.turn += 1;
    const retryFirst = group.turn % RETRY_TURN === 0;
    const unit = retryFirst ? (group.retries.take() ?? group.fresh.take()) : (group.fresh.take() ?? group.retries.take());
    if (unit === undefined) return undefined; // does not happen: a group without work is in no ring
    this.#inHandOf[ring] += 1;
    this.#last = ring;
    this.#inHand.set(unit, { group, ring, begun: now, long: false, left: false });
    group.destination.begin();
    this.#queueUp(group, now);
    return unit;
  }

  /** Takes no more charge of a unit that waits for its time or its turn: it is done with. */
  withdraw(unit: Work, now: number): void {
    const group = this.#groups.get(unit.destination);
    if (group === undefined) return;
    group.units -= 1;
    if (!group.fresh.delete(unit) && !group.retries.delete(unit)) this.#withdrawn.add(unit);
    this.#queueUp(group, now);
    if (group.units === 0) this.#groups.delete(group.destination.key);
    if (2 * this.#withdrawn.size < this.#agenda.size) return; // to look for each in the agenda would take long
    this.#agenda.remove((appointment) => appointment.type === 'unit' && this.#withdrawn.delete(appointment.unit));
  }

  /** The attempt goes elsewhere than to the destination of its unit: that has room for another, and learns nothing of this one. */
  leave(unit: Work, now: number): void {
    const place = this.#inHand.get(unit);
    if (place === undefined || place.left) return;
    place.left = true;
    place.group.destination.leave();
    this.#queueUp(place.group, now);
  }

  /**
   * Takes what the attempt has shown, and when the unit is due again; undefined: it is done with.
   *
   * Returns the units that are given up because this attempt has failed and their time is over: they are done with.
   */
  end(unit: Work, effect: Effect, now: number, again?: number): readonly Work[] {
    const place = this.#inHand.get(unit);
    if (place === undefined) return [];
    this.#inHand.delete(unit);
    const { group } = place;
    this.#inHandOf[place.ring] -= 1;
    if (place.long) this.#long -= 1;
    if (again !== undefined) this.#agenda.add({ type: 'unit', unit, fresh: false }, again);
    const dead = !place.left && group.destination.end(effect, now);
    const { deadUntil } = group.destination;
    if (dead && deadUntil !== undefined) this.#agenda.add({ type: 'probe', group }, deadUntil);
    const over = (other: Work): boolean => other.expires <= now;
    const givenUp = dead ? [...group.fresh.remove(over), ...group.retries.remove(over)] : [];
    const stays = again !== undefined && unit.destination === group.destination.key;
    group.units -= givenUp.length + (stays ? 0 : 1);
    if (again !== undefined && !stays) this.#group(unit.destination).units += 1;
    this.#queueUp(group, now);
    if (group.units === 0) this.#groups.delete(group.destination.key);
    return givenUp;
  }

  /** When a destination that is dead is tried next; undefined: it is alive, as far as is known. */
  deadUntil(destination: string): number | undefined {
    return this.#groups.get(destination)?.destination.deadUntil;
  }

  /** Lets a destination be tried now if it is dead. */
  revive(destination: string, now: number): void {
    const group = this.#groups.get(destination);
    if (group === undefined) return;
    group.destination.revive(now);
    this.#queueUp(group, now);
  }

  /** The clock was set back by so much: what waits for a time waits no longer than it would have. */
  advance(by: number): void {
    this.#agenda.advance(by);
    for (const place of this.#inHand.values()) place.begun -= by;
    this.#placeAt -= by;
    for (const { destination } of this.#groups.values()) destination.advance(by);
  }

  #group(key: string): Group<Work> {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const { schedule, widest } = this.#options;
    const group = { destination: new Destination(key, schedule, widest), fresh: new Line<Work>(), retries: new Line<Work>(), units: 0, turn: 0 };
    this.#groups.set(key, group);
    return group;
  }

  /** Units whose time has come go into their groups' lines, and groups that may be probed into their ring. */
  #keepAppointments(now: number): void {
    for (let appointment; (appointment = this.#agenda.take(now)) !== undefined; ) {
      if (appointment.type === 'unit' && this.#withdrawn.delete(appointment.unit)) continue;
      const group = appointment.type === 'unit' ? this.#group(appointment.unit.destination) : appointment.group;
      if (appointment.type === 'unit') group[appointment.fresh ? 'fresh' : 'retries'].add(appointment.unit);
      this.#queueUp(group, now);
    }
  }

  /** Puts a group at the end of its ring if it is in none and has work and room, and takes it out if it has not. */
  #queueUp(group: Group<Work>, now: number): void {
    const { destination, fresh, retries } = group;
    const ready = (!fresh.empty || !retries.empty) && destination.hasRoom(now);
    const own: Ring = destination.doubtful ? 'doubtful' : fresh.ofNobody && retries.ofNobody ? 'bounces' : 'trusted';
    for (const ring of RINGS) {
      if (!ready || ring !== own) this.#rings[ring].delete(group);
      else this.#rings[ring].add(group); // no change of place where it is in already
    }
  }

  /** Whether there is a place for somebody who waits; else when there may be one, though no attempt ends. */
  #hasPlace(now: number): boolean {
    const { places } = this.#options;
    this.#placeAt = Infinity;
    if (this.#inHand.size - this.#long < places) return true;
    if (RINGS.every((ring) => this.#rings[ring].size === 0)) return false;
    for (const place of this.#inHand.values()) {
      if (place.ring !== 'trusted' || place.long) continue;
      if (this.#long >= MOST_LONG * places) return false;
      if (now >= place.begun + LONG) {
        place.long = true;
        this.#long += 1;
        return true;
      }
      this.#placeAt = place.begun + LONG;
      return false;
    }
    return false;
  }

  /** Returns the ring whose first group is to be served: they take turns. */
  #whoseTurn(): Ring | undefined {
    return AFTER[this.#last].find((ring) => this.#rings[ring].size > 0 && this.#inHandOf[ring] < Math.max(1, Math.floor(this.#options.places * PARTS[ring])));
  }
}

/** Units in the order in which they came, but that senders take turns. */
class Line<Work extends Unit> {
  readonly #senders = new Map<string, Turns<Work>>(); // those who have units
  readonly #turns = new Turns<string>(); //              the same

  get empty(): boolean {
    return this.#turns.size === 0;
  }

  /** There are none but bounces. */
  get ofNobody(): boolean {
    return this.#turns.size === 0 || (this.#turns.size === 1 && this.#senders.has(''));
  }

  add(unit: Work): void {
    const { sender } = unit;
    let units = this.#senders.get(sender);
    if (units === undefined) {
      this.#senders.set(sender, (units = new Turns()));
      this.#turns.add(sender);
    }
    units.add(unit);
  }

  take(): Work | undefined {
    const sender = this.#turns.take();
    const units = sender === undefined ? undefined : this.#senders.get(sender);
    if (sender === undefined || units === undefined) return undefined;
    const unit = units.take();
    if (units.size > 0) this.#turns.add(sender); // behind the others
    else this.#senders.delete(sender);
    return unit;
  }

  /** Tells whether it was in. */
  delete(unit: Work): boolean {
    const { sender } = unit;
    const units = this.#senders.get(sender);
    if (units?.delete(unit) !== true) return false;
    if (units.size === 0) {
      this.#senders.delete(sender);
      this.#turns.delete(sender);
    }
    return true;
  }

  remove(condition: (unit: Work) => boolean): readonly Work[] {
    const removed: Work[] = [];
    for (const sender of this.#turns) for (const unit of this.#senders.get(sender) ?? []) if (condition(unit) && this.delete(unit)) removed.push(unit);
    return removed;
  }
}
